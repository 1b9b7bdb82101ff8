// The page of a map service: a layer of it in Leaflet, upon nothing but our own coasts.
const form = document.getElementById("wms");
if (form) {
  const layers = JSON.parse(form.dataset.layers);
  const legend = document.getElementById("legend");
  const problem = document.getElementById("problem");
  const map = L.map("map", { crs: L.CRS.EPSG4326, attributionControl: false, fadeAnimation: false, zoomSnap: 0.25, minZoom: 0, maxZoom: 12 });
  let shown;

  const chosen = () => layers.find((layer) => layer.name === form.elements.layer.value);

  function parameters() {
    const found = { layers: chosen().name, styles: form.elements.style.value };
    for (const field of form.querySelectorAll("[data-dimension]")) found[field.dataset.dimension] = field.value;
    return found;
  }

  // One list for each dimension of the layer that there is something to choose of.
  function offer() {
    const lists = chosen().dimensions.map(({ name, coordinate, units, values, default: first }) => {
      const label = document.createElement("label");
      const list = document.createElement("select");
      list.dataset.dimension = name;
      for (const value of values) list.add(new Option(value, value, value === first, value === first));
      label.append(`${coordinate}${units && units !== "ISO8601" ? ` [${units}]` : ""} `, list);
      return label;
    });
    document.getElementById("dimensions").replaceChildren(...lists);
  }

  function show() {
    if (shown) shown.remove();
    problem.hidden = true;
    shown = L.tileLayer.wms(form.dataset.url, { ...parameters(), format: "image/png", transparent: true, version: "1.3.0", coasts: true });
    shown.on("tileerror", async ({ tile }) => {
      const answer = await fetch(tile.src);
      const text = answer.ok ? "" : new DOMParser().parseFromString(await answer.text(), "text/xml").documentElement.textContent;
      problem.textContent = text;
      problem.hidden = answer.ok;
    });
    shown.addTo(map);
    const { layers: layer, styles: style, ...rest } = parameters();
    legend.src = `${form.dataset.url}?${new URLSearchParams({ service: "WMS", request: "GetLegendGraphic", layer, style, ...rest })}`;
  }

  function choose() {
    offer();
    const [west, south, east, north] = chosen().box;
    map.fitBounds([[south, west], [north, east]]);
    show();
  }

  form.addEventListener("input", (event) => (event.target.name === "layer" ? choose() : show()));
  form.addEventListener("submit", (event) => event.preventDefault());
  choose();
}
