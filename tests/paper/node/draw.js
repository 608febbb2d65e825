// Draws ZPL with zpl-renderer-js: each line of the input is {zpl, width, height, dots} in JSON, mm and dots a mm; each line
// of the output the labels' PNGs in base64, as a JSON list.
const readline = require("node:readline/promises");
const { ready } = require("zpl-renderer-js");

async function main() {
  const { api } = await ready;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { zpl, width, height, dots } = JSON.parse(line);
    const drawn = await api.zplToBase64MultipleAsync(zpl, width, height, dots);
    process.stdout.write(`${JSON.stringify(drawn)}\n`);
  }
  process.exit(0);
}

main();
