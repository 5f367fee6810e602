// Filters as the dashboard knows them: clauses, and groups of them of which all, any or none have to hold.

import type { Filter } from "../api/types.ts";

/** Every operator: its name in the API, its words, and whether it may compare goals. */
export const OPERATORS = [
  { key: "is", label: "is", goals: true },
  { key: "is_not", label: "is not", goals: false },
  { key: "contains", label: "contains", goals: true },
  { key: "contains_not", label: "does not contain", goals: false },
  { key: "matches", label: "matches", goals: false },
  { key: "matches_not", label: "does not match", goals: false },
] as const;
export type Operator = (typeof OPERATORS)[number]["key"];

/** What can be filtered on, in the order of the menu; properties come beside, as `event:props:KEY`. */
export const FILTERABLE = [
  { dimension: "event:page", label: "Page" },
  { dimension: "visit:entry_page", label: "Entry page" },
  { dimension: "visit:exit_page", label: "Exit page" },
  { dimension: "event:hostname", label: "Hostname" },
  { dimension: "visit:channel", label: "Channel" },
  { dimension: "visit:source", label: "Source" },
  { dimension: "visit:referrer", label: "Referrer" },
  { dimension: "visit:utm_medium", label: "UTM medium" },
  { dimension: "visit:utm_source", label: "UTM source" },
  { dimension: "visit:utm_campaign", label: "UTM campaign" },
  { dimension: "visit:utm_content", label: "UTM content" },
  { dimension: "visit:utm_term", label: "UTM term" },
  { dimension: "visit:country", label: "Country" },
  { dimension: "visit:language", label: "Language" },
  { dimension: "visit:device", label: "Device" },
  { dimension: "visit:browser", label: "Browser" },
  { dimension: "visit:browser_version", label: "Browser version" },
  { dimension: "visit:os", label: "System" },
  { dimension: "visit:os_version", label: "System version" },
  { dimension: "event:goal", label: "Goal" },
] as const;

export const PROP = "event:props:";
export const SEGMENT = "segment";

export interface Clause {
  operator: Operator;
  /** A dimension of the API, or `segment` with numbers as values. */
  dimension: string;
  values: string[];
}

/** What a new filter begins with. */
export const NEW: Clause = { operator: "is", dimension: "event:page", values: [""] };

/** Which of a group have to hold: the word in the address, and what stands before the group and between its parts. */
export const JOINS = [
  { key: "all", label: "All of these hold", before: "", between: "and" },
  { key: "any", label: "One of these holds", before: "", between: "or" },
  { key: "none", label: "None of these holds", before: "not", between: "or" },
] as const;
export type Join = (typeof JOINS)[number]["key"];

export interface Group {
  join: Join;
  of: Condition[];
}

export type Condition = Clause | Group;

/** Whether all conditions have to hold, or one of them. */
export type Match = "all" | "any";

/** Groups within groups; the API takes some more. */
export const DEPTH_MAX = 4;

export function isGroup(condition: Condition): condition is Group {
  return "join" in condition;
}

/** The clauses of all groups. */
export function leaves(conditions: Condition[]): Clause[] {
  return conditions.flatMap((condition) => (isGroup(condition) ? leaves(condition.of) : condition));
}

// ---- the address ---------------------------------------------------------------------------------------------------

/** `is,visit:source,Google,Bing`; a comma within a value is `\,`. */
function formatClause({ operator, dimension, values }: Clause, special: RegExp): string {
  return [operator, dimension, ...values].map((part) => part.replace(special, "\\$&")).join(",");
}

/** A clause, or `any(is,visit:source,Google;none(is,visit:country,DE))`, in which `( ) ;` within a value are escaped, too. */
export function formatCondition(condition: Condition): string {
  return isGroup(condition) ? formatGroup(condition) : formatClause(condition, /[\\,]/g);
}

function formatGroup({ join, of }: Group): string {
  return `${join}(${of.map((one) => (isGroup(one) ? formatGroup(one) : formatClause(one, /[\\,();]/g))).join(";")})`;
}

/** Null for what is none. */
export function parseCondition(text: string): Condition | null {
  const parts = new Parts(text);
  if (!GROUP.test(text)) return clauseOf(parts.values(""));
  const group = parseGroup(parts, 1);
  return group && parts.isAtEnd ? group : null;
}

const GROUP = new RegExp(`^(${JOINS.map(({ key }) => key).join("|")})\\(`);

function parseGroup(parts: Parts, depth: number): Group | null {
  const join = JOINS.find(({ key }) => parts.take(`${key}(`))?.key;
  if (!join || depth > DEPTH_MAX) return null;
  const of: Condition[] = [];
  do {
    const one = GROUP.test(parts.rest) ? parseGroup(parts, depth + 1) : clauseOf(parts.values(";)"));
    if (!one) return null;
    of.push(one);
  } while (parts.take(";"));
  return parts.take(")") ? { join, of } : null;
}

/** A text that is read from its beginning to its end. */
class Parts {
  rest: string;

  constructor(text: string) {
    this.rest = text;
  }

  get isAtEnd(): boolean {
    return this.rest === "";
  }

  /** Whether this comes next, which is then behind us. */
  take(text: string): boolean {
    if (!this.rest.startsWith(text)) return false;
    this.rest = this.rest.slice(text.length);
    return true;
  }

  /** What is between commas, up to one of these characters or the end. */
  values(ends: string): string[] {
    const values = [""];
    let read = 0;
    for (const [token] of this.rest.matchAll(/\\[^]|[^]/g)) {
      if (ends.includes(token)) break;
      read += token.length;
      if (token === ",") values.push("");
      else values[values.length - 1] += token.length === 2 && token.startsWith("\\") ? token.slice(1) : token;
    }
    this.rest = this.rest.slice(read);
    return values;
  }
}

function clauseOf([word = "", dimension = "", ...values]: string[]): Clause | null {
  const operator = OPERATORS.find(({ key }) => key === word)?.key;
  if (!operator || !isFilterable(dimension) || values.length === 0) return null;
  if (dimension === SEGMENT && (operator !== "is" || !values.every((value) => /^\d{1,15}$/.test(value)))) return null;
  return { operator, dimension, values };
}

export function isFilterable(dimension: string): boolean {
  if (dimension.startsWith(PROP)) return dimension.length > PROP.length;
  return dimension === SEGMENT || FILTERABLE.some((known) => known.dimension === dimension);
}

// ---- the API -------------------------------------------------------------------------------------------------------

export function askedFilters(conditions: Condition[], match: Match): Filter[] {
  const asked = conditions.map(askedFilter);
  return match === "any" && asked.length > 1 ? [["or", asked]] : asked;
}

function askedFilter(condition: Condition): Filter {
  if (isGroup(condition)) {
    const of = condition.of.map(askedFilter);
    if (condition.join === "none") return ["not", ["or", of]];
    return [condition.join === "all" ? "and" : "or", of];
  }
  const { operator, dimension, values } = condition;
  if (dimension === SEGMENT) return ["is", "segment", values.map(Number)];
  const loose = operator === "contains" || operator === "contains_not";
  return loose ? [operator, dimension, values, { case_sensitive: false }] : [operator, dimension, values];
}

// ---- changing ------------------------------------------------------------------------------------------------------

/** The conditions with these rows picked, or without them where exactly they were. */
export function toggled(conditions: Condition[], picked: { dimension: string; value: string }[]): Condition[] {
  const others = conditions.filter(
    (one) => isGroup(one) || one.operator !== "is" || !picked.some(({ dimension }) => dimension === one.dimension),
  );
  if (picked.every(({ dimension, value }) => isPicked(conditions, dimension, value))) return others;
  return [...others, ...picked.map(({ dimension, value }) => ({ operator: "is" as const, dimension, values: [value] }))];
}

export function isPicked(conditions: Condition[], dimension: string, value: string): boolean {
  return conditions.some(
    (one) => !isGroup(one) && one.operator === "is" && one.dimension === dimension && one.values.includes(value),
  );
}

/** A clause whose values are said; null where nothing is said yet. */
export function finished(clause: Clause): Clause | null {
  const values = clause.values.map((value) => value.trim()).filter((value) => value !== "");
  if (values.length === 0 || clause.dimension === PROP) return null;
  return { ...clause, operator: operatorsFor(clause.dimension).find(({ key }) => key === clause.operator)?.key ?? "is", values };
}

export function operatorsFor(dimension: string) {
  return OPERATORS.filter(({ goals }) => goals || dimension !== "event:goal");
}

/** Finished clauses alone, without groups that hold nothing, and groups of one told without their group. */
export function tidied(conditions: Condition[]): Condition[] {
  return conditions.flatMap((condition) => {
    if (!isGroup(condition)) return condition.dimension === SEGMENT ? condition : (finished(condition) ?? []);
    const of = tidied(condition.of);
    if (of.length === 0) return [];
    return of.length === 1 && condition.join !== "none" ? of : { join: condition.join, of };
  });
}

/** Whether rows count conversions rather than visitors of pages: a goal or a property is filtered on. */
export function narrowsToGoals(conditions: Condition[]): boolean {
  return leaves(conditions).some(({ dimension }) => dimension === "event:goal");
}

export function narrowsToPages(conditions: Condition[]): boolean {
  return leaves(conditions).some(({ dimension }) => dimension === "event:page");
}

export function dimensionLabel(dimension: string): string {
  if (dimension.startsWith(PROP)) return dimension.slice(PROP.length);
  if (dimension === SEGMENT) return "Segment";
  return FILTERABLE.find((known) => known.dimension === dimension)?.label ?? dimension;
}

export function operatorLabel(operator: Operator): string {
  return OPERATORS.find(({ key }) => key === operator)?.label ?? operator;
}

/** What stands before a group and between its parts. */
export function joinWords(join: Join): { before: string; between: string } {
  return JOINS.find(({ key }) => key === join) ?? JOINS[0];
}
