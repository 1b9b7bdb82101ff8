// The form for a part of a dataset: what is filled in is an address, and the server says how large its file would be.
const form = document.getElementById("subset");
const size = document.getElementById("size");
const shown = document.querySelector(".snippet code");
const fields = [...form.querySelectorAll("input:not([type=checkbox])")];

function query() {
  const found = new URLSearchParams();
  for (const box of form.querySelectorAll("input[type=checkbox]:checked")) found.append("var", box.value);
  for (const field of fields) if (said(field)) found.append(field.name, field.value.trim());
  return found.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
}

// what a range is filled with at first takes all, as does nothing
function said(field) {
  const text = field.value.trim();
  return text !== "" && text !== field.defaultValue;
}

function words(nbytes) {
  const unit = nbytes < 1e3 ? 0 : nbytes < 1e6 ? 1 : nbytes < 1e9 ? 2 : 3;
  return `${Number((nbytes / 1000 ** unit).toPrecision(3))} ${["bytes", "kB", "MB", "GB"][unit]}`;
}

let last = 0;
async function show() {
  const text = query();
  shown.textContent = `${form.dataset.public}.nc${text ? `?${text}` : ""}`;
  const turn = ++last;
  const answer = await fetch(`${form.dataset.root}.nc?${text}&estimate=true`, { headers: { Accept: "application/json" } });
  const said = await answer.json();
  if (turn !== last) return;
  const isLarge = answer.ok && said.nbytes > said.limit_nbytes;
  size.textContent = answer.ok ? `${words(said.nbytes)} of values${isLarge ? `, above the limit of ${words(said.limit_nbytes)}` : ""}` : said.detail;
  size.classList.toggle("error", !answer.ok || isLarge);
}

let waiting;
form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 300); });
form.addEventListener("submit", () => {
  const silent = fields.filter((field) => !said(field));
  for (const field of silent) field.disabled = true;
  setTimeout(() => { for (const field of silent) field.disabled = false; });
});
show();
