// Text from outside may hold what PostgreSQL's text and jsonb cannot: NUL, and halves of surrogate pairs. Such a
// character is replaced by U+FFFD, so that it is seen and stops nothing (a record must never stop its stream).

export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

/** A value as the JSON text of a jsonb column; the column's type is what comes back out. */
export function storableJson<T>(value: T): T {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "string" ? storableText(inner) : inner,
  );
  return text as unknown as T;
}
