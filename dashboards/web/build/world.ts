// The world map as a module: projected once, at build time, so that the browser gets paths and needs no geometry.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoNaturalEarth1, geoPath } from "d3-geo";
import type { Topology, GeometryCollection } from "topojson-specification";
import { feature } from "topojson-client";
import type { Plugin } from "vite";

const NAME = "virtual:world";
const WIDTH = 640;
const HEIGHT = 310;
/** Nobody is counted there, and it takes a fifth of the height. */
const ANTARCTICA = "010";

const require = createRequire(import.meta.url);
const read = (file: string): unknown => JSON.parse(readFileSync(require.resolve(file), "utf8"));

/** What the module exports: the view box, and the outline of each country by its ISO 3166-1 alpha-2 code. */
function world(): { width: number; height: number; paths: [string, string][] } {
  const topology = read("world-atlas/countries-110m.json") as Topology<{ countries: GeometryCollection }>;
  const codes = new Map((read("i18n-iso-countries/codes.json") as string[][]).map(([alpha2, , numeric]) => [numeric, alpha2]));
  const countries = feature(topology, topology.objects.countries);
  countries.features = countries.features.filter(({ id }) => id !== ANTARCTICA);
  const path = geoPath(geoNaturalEarth1().fitSize([WIDTH, HEIGHT], countries)).digits(1);
  const paths = countries.features.map((country): [string, string] => [
    // Land that no code stands for is drawn and never counted.
    codes.get(String(country.id)) ?? "",
    path(country) ?? "",
  ]);
  return { width: WIDTH, height: HEIGHT, paths };
}

export function worldMap(): Plugin {
  return {
    name: "world-map",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    load: (id) => (id === `\0${NAME}` ? `export default ${JSON.stringify(world())};` : null),
  };
}
