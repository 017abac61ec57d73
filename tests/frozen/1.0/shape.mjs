// Whether what is heard today has the shape that was recorded: every recorded field, of the same kind. New fields are
// welcome, a field that is gone or changed its kind is a problem. Imports nothing of the product, and never changes.

const FORMS = [
  ["instant", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/],
  ["id", /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/],
  ["digest", /^[0-9a-f]{64}$/],
  ["fingerprint", /^SHA256:[0-9A-Za-z+/]{43}$/],
  ["certificate", /^-----BEGIN CERTIFICATE-----/],
  ["error type", /^urn:tms:error:[a-z_.]+$/],
];

/** Problems in words, one a line; empty when today's answer is understood by whoever understood the recorded one. */
export function shapeProblems(recorded, heard, path = "$") {
  if (recorded === null || recorded === undefined) {
    return heard === undefined ? [`${path} is missing`] : [];
  }
  if (heard === undefined) return [`${path} is missing`];
  if (kindOf(recorded) !== kindOf(heard)) return [`${path} is ${kindOf(heard)} instead of ${kindOf(recorded)}`];
  if (Array.isArray(recorded)) return listProblems(recorded, heard, path);
  if (typeof recorded === "object") {
    return Object.keys(recorded).flatMap((key) => shapeProblems(recorded[key], heard[key], `${path}.${key}`));
  }
  return [];
}

function listProblems(recorded, heard, path) {
  if (recorded.length === 0) return [];
  if (heard.length === 0) return [`${path} is empty`];
  return heard.flatMap((one, at) => shapeProblems(recorded[0], one, `${path}[${at}]`));
}

function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value !== "string") return `a ${typeof value}`;
  const form = FORMS.find(([, pattern]) => pattern.test(value));
  return form === undefined ? "text" : `a text that is a ${form[0]}`;
}

/** Fields that must be the very same, by their dotted paths: codes, outcomes, positions. */
export function sameProblems(paths, recorded, heard) {
  return paths.flatMap((path) => {
    const [was, is] = [at(recorded, path), at(heard, path)];
    return JSON.stringify(was) === JSON.stringify(is)
      ? []
      : [`${path} is ${JSON.stringify(is)} instead of ${JSON.stringify(was)}`];
  });
}

function at(value, path) {
  return path.split(".").reduce((inner, key) => inner?.[key], value);
}
