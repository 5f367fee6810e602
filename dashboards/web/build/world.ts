// The world map as a module: projected once, at build time, so that the browser gets paths and needs no geometry.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoNaturalEarth1, geoPath, type GeoContext } from "d3-geo";
import type { Topology, GeometryCollection } from "topojson-specification";
import { feature } from "topojson-client";
import type { Plugin } from "vite";

const NAME = "virtual:world";
/** Points lie on whole units, of which a pixel of the widest panel has five: more can be seen on no screen. */
const WIDTH = 3200;
const HEIGHT = 1550;
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
  const projection = geoNaturalEarth1().fitSize([WIDTH, HEIGHT], countries);
  const paths = countries.features.map((country): [string, string] => {
    const outline = new Outline();
    geoPath(projection, outline)(country);
    // Land that no code stands for is drawn and never counted.
    return [codes.get(String(country.id)) ?? "", outline.path];
  });
  return { width: WIDTH, height: HEIGHT, paths };
}

/** Writes a path in steps from point to point, which take less than half of what the points themselves take. */
class Outline implements GeoContext {
  path = "";
  private at: Point = [0, 0];
  private start: Point = [0, 0];

  moveTo(x: number, y: number): void {
    this.path += "m";
    this.start = [Math.round(x), Math.round(y)];
    this.step(this.start);
  }

  lineTo(x: number, y: number): void {
    const to: Point = [Math.round(x), Math.round(y)];
    if (to[0] !== this.at[0] || to[1] !== this.at[1]) this.step(to);
  }

  closePath(): void {
    this.path += "z";
    this.at = this.start;
  }

  /** Only points are drawn as arcs, and each path is begun by its `moveTo`. */
  arc(): void {}
  beginPath(): void {}

  /** Rounded before and not after, so that neighbours share their border and no error adds up. */
  private step(to: Point): void {
    for (const axis of [0, 1] as const) {
      const length = to[axis] - this.at[axis];
      const needsGap = length >= 0 && /\d$/.test(this.path);
      this.path += `${needsGap ? " " : ""}${length}`;
    }
    this.at = to;
  }
}

type Point = [number, number];

export function worldMap(): Plugin {
  return {
    name: "world-map",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    load: (id) => (id === `\0${NAME}` ? `export default ${JSON.stringify(world())};` : null),
  };
}
