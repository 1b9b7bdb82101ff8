// Shows a dataset in Leaflet three ways on a page that the test serves, then opens our own page; started by test_leaflet.py.
// node leaflet.mjs URL DATASET FOLDER
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, dataset, folder] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const page = await browser.newPage({ viewport: { width: 1024, height: 1024 } });
const complaints = [];
const asked = [];
page.on("console", (line) => complaints.push(line.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("request", (request) => asked.push(request.url()));

await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));

const ways = {
  "wms-4326": { crs: "EPSG4326", zoom: 1, layer: "wms", version: "1.3.0" },
  "wms-4326-old": { crs: "EPSG4326", zoom: 1, layer: "wms", version: "1.1.1" },
  "wms-3857": { crs: "EPSG3857", zoom: 2, layer: "wms", version: "1.3.0" },
  tiles: { crs: "EPSG3857", zoom: 2, layer: "tiles" },
};

// A page of the server's own, made empty: its origin serves Leaflet.
const seen = {};
for (const [name, way] of Object.entries(ways)) {
  await page.goto(`${url}/health`);
  await page.setContent('<body style="margin:0"><div id="map" style="width:1024px;height:1024px;background:#888"></div></body>');
  await page.addStyleTag({ url: `${url}/static/leaflet/leaflet.css` });
  await page.addScriptTag({ url: `${url}/static/leaflet/leaflet.js` });
  seen[name] = await page.evaluate(({ way, base }) => new Promise((resolve) => {
    const map = L.map("map", { crs: L.CRS[way.crs], zoomControl: false, attributionControl: false, fadeAnimation: false, zoomAnimation: false });
    map.setView([20, -100], way.zoom);
    const layer = way.layer === "wms"
      ? L.tileLayer.wms(`${base}/wms`, { layers: "v", styles: "viridis", format: "image/png", transparent: true, version: way.version, colorscalerange: "0,1" })
      : L.tileLayer(`${base}/tiles/v/{z}/{x}/{y}.png?vmin=0&vmax=1`);
    layer.on("load", () => requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = (lon, lat) => { const point = map.latLngToContainerPoint([lat, lon]); return [Math.round(point.x), Math.round(point.y)]; };
      resolve({ hot: at(-125, 35), edges: [at(-129, 39), at(-121, 31)], cold: [at(-118, 35), at(-132, 35), at(-125, 43), at(-125, 27)] });
    })));
    layer.addTo(map);
  }), { way, base: `${url}/datasets/${dataset}` });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

await page.setViewportSize({ width: 1100, height: 1000 });
await page.goto(`${url}/datasets/${dataset}/wms`);
await page.waitForFunction(() => document.querySelectorAll(".leaflet-tile-loaded").length > 0
  && document.querySelectorAll(".leaflet-tile:not(.leaflet-tile-loaded)").length === 0 && document.getElementById("legend").naturalWidth > 0);
await page.selectOption("select[name=style]", "plasma");
await page.waitForFunction(() => [...document.querySelectorAll(".leaflet-tile-loaded")].some((tile) => tile.src.includes("styles=plasma")) && !document.querySelector(".leaflet-tile:not(.leaflet-tile-loaded)"));
await page.screenshot({ path: join(folder, "page.png") });
seen.page = await page.evaluate(() => ({ title: document.title, tiles: [...document.querySelectorAll(".leaflet-tile-loaded")].map((tile) => tile.src), legend: document.getElementById("legend").src }));
writeFileSync(join(folder, "seen.json"), JSON.stringify({ seen, complaints, asked }));
await browser.close();
