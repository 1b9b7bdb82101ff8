// The page of a plot: every control rewrites the address, and the picture is what that address gives.
const form = document.getElementById("plot");
const picture = document.getElementById("picture");
const problem = document.getElementById("problem");
const shown = document.querySelector(".snippet code");
const sliders = [...form.querySelectorAll("input[type=range]")];
const touched = new Set(sliders.filter((slider) => location.pathname.includes(`/${encodeURIComponent(slider.dataset.coord)}/`)));

function said(slider) {
  const labels = JSON.parse(slider.dataset.labels);
  return labels[slider.value] ?? `${slider.dataset.coord} ${slider.value}`;
}

function pick(slider) {
  if (slider.dataset.range) return slider.dataset.range;
  return JSON.parse(slider.dataset.values)[slider.value] ?? slider.value;
}

function addressOf() {
  const field = (name) => form.elements[name]?.value.trim() ?? "";
  const isMap = !["line", "hist"].includes(field("kind"));
  const pairs = sliders.filter((slider) => isMap || touched.has(slider)).map((slider) => [slider.dataset.coord, pick(slider)]);
  for (const name of ["lon", "lat"]) if (field(name)) pairs.push([name, field(name)]);
  const parts = [field("variable"), field("kind"), field("cmap"), ...pairs.flat()];
  const query = new URLSearchParams(Object.entries({ vmin: field("vmin"), vmax: field("vmax") }).filter(([, value]) => value));
  return { path: parts.map(encodeURIComponent).join("/") + (pairs.length ? "" : "/"), query };
}

function show() {
  picture.classList.toggle("asks", form.elements.kind.value === "image");
  for (const slider of sliders) slider.closest(".slider").querySelector("output").textContent = slider.dataset.range ? `mean of ${slider.dataset.range}` : said(slider);
  const { path, query } = addressOf();
  const text = query.toString();
  history.replaceState(null, "", form.dataset.root + path + (text ? `?${text}` : ""));
  query.set("f", "png");
  picture.src = `${form.dataset.root}${path}?${query}`;
  shown.textContent = `${form.dataset.public}${path}?${query}`;
}

picture.addEventListener("load", () => { problem.hidden = true; picture.hidden = false; });
picture.addEventListener("error", async () => {
  const answer = await fetch(picture.src, { headers: { Accept: "application/json" } });
  problem.textContent = answer.ok ? "" : (await answer.json()).detail;
  problem.hidden = answer.ok;
  picture.hidden = !answer.ok;
});

// A click on a map shows the series at that place.
const series = document.getElementById("series");

async function placeOf(event) {
  const about = new URL(picture.src);
  about.searchParams.set("f", "json");
  const { bbox: [west, south, east, north], map } = await (await fetch(about)).json();
  const scale = picture.naturalWidth / picture.clientWidth;
  const x = (event.offsetX * scale - picture.dataset.left) / map.width, y = (event.offsetY * scale - picture.dataset.top) / map.height;
  if (x < 0 || x > 1 || y < 0 || y > 1) return null;
  return { lon: (west + x * (east - west)).toFixed(3), lat: (north - y * (north - south)).toFixed(3) };
}

picture.addEventListener("click", async (event) => {
  const place = series && form.elements.kind.value === "image" ? await placeOf(event) : null;
  if (!place) return;
  const query = new URLSearchParams(place);
  for (const slider of sliders) if (!("time" in slider.dataset) && !slider.dataset.range) query.set(slider.dataset.coord, pick(slider));
  const [link, chart, caption] = series.querySelectorAll("a, img, figcaption");
  link.href = `${series.dataset.root}${encodeURIComponent(form.elements.variable.value)}?${query}`;
  chart.src = `${link.href}&f=svg`;
  chart.hidden = false;
  caption.textContent = "";
  series.hidden = false;
});

series?.querySelector("img").addEventListener("error", async (event) => {
  const answer = await fetch(event.target.src, { headers: { Accept: "application/json" } });
  event.target.hidden = true;
  series.querySelector("figcaption").textContent = answer.ok ? "" : (await answer.json()).detail;
});

let waiting;
form.addEventListener("input", (event) => {
  if (event.target.type === "range") {
    event.target.dataset.range = "";
    touched.add(event.target);
  }
  clearTimeout(waiting);
  // another variable has other axes: its page knows them
  waiting = setTimeout(() => {
    if (event.target.name === "variable") location.href = form.dataset.root + [form.elements.variable.value, form.elements.kind.value, form.elements.cmap.value].map(encodeURIComponent).join("/") + "/";
    else show();
  }, event.target.type === "range" ? 60 : 400);
});
form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
show();
