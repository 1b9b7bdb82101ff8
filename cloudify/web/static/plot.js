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
