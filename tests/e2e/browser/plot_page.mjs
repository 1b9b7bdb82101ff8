// Opens the page of a plot, moves its slider, clicks on the map, changes its kind and asks for what cannot be; started by test_plot_page.py.
// node plot_page.mjs URL FOLDER
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, folder] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const page = await browser.newPage({ viewport: { width: 1000, height: 950 } });
const complaints = [];
page.on("console", (line) => complaints.push(line.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
await page.goto(url);

// What is shown once the picture has come.
async function shown(name, whenItEndsWith) {
  await page.waitForFunction((end) => {
    const picture = document.getElementById("picture");
    return picture.src.split("?")[0].endsWith(end) && picture.complete && picture.naturalWidth > 0;
  }, whenItEndsWith);
  const seen = await page.evaluate(() => ({
    address: location.pathname, src: document.getElementById("picture").src, width: document.getElementById("picture").naturalWidth,
    label: document.querySelector("output").textContent, copied: document.querySelector(".snippet code").textContent,
  }));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  return seen;
}

const slider = page.locator("input[type=range]").first();
const first = await shown("first", "/time/11");
await slider.focus();
for (let step = 0; step < 5; step += 1) await page.keyboard.press("ArrowLeft");
const moved = await shown("moved", "/time/6");
// 10 east, 53 north in a picture whose map has 824 pixels for 360 degrees and begins at 56, 52
await page.locator("#picture").click({ position: { x: 56 + (190 / 360) * 824, y: 52 + (37 / 180) * 412 } });
await page.waitForFunction(() => document.querySelector("#series img").naturalWidth > 0);
const series = await page.evaluate(() => ({ href: document.querySelector("#series a").href, src: document.querySelector("#series img").src }));
await page.locator("#series").scrollIntoViewIfNeeded();
await page.screenshot({ path: join(folder, "series.png") });
await page.selectOption("select[name=kind]", "contourf");
const contours = await shown("contours", "/contourf/viridis/time/6");
await page.fill("input[name=cmap]", "no-such-map");
await page.waitForSelector("#problem:not([hidden])");
const problem = await page.textContent("#problem");
await page.screenshot({ path: join(folder, "problem.png") });
writeFileSync(join(folder, "seen.json"), JSON.stringify({ first, moved, series, contours, problem, complaints }));
await browser.close();
