// Which field of a form the server means when it refuses one.

/** The fields of a form by their names in the API; what besides its name tells that a refusal is about it. */
export type Fields = Readonly<Record<string, RegExp | null>>;

export interface Blame {
  /** The form as a whole, if empty. */
  field: string;
  words: string;
}

/**
 * The server begins with the name of a parameter (`event_name "x" is …`, "Parameter `at`: …", "#/filters/0: …"), or quotes
 * its value. By the field, its name need not be told again.
 */
export function blamed(words: string, fields: Fields): Blame {
  const told = Object.keys(fields).find((field) => fields[field]?.test(words));
  const [, field = "", rest = ""] = /^(?:Parameter |#\/)?`?(\w+)`?(?:\/[^:]*)?[:,]? (.+)$/s.exec(words) ?? [];
  const isNamed = Object.hasOwn(fields, field);
  const said = !isNamed ? words : rest.startsWith("is required") ? "This is needed." : rest;
  return { field: told ?? (isNamed ? field : ""), words: said };
}
