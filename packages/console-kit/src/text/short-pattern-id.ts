const WITH_UUID = /^(CP|RP)-[0-9a-f]{8}-[0-9a-f-]{23}([0-9a-f]{4})$/;

/** A pattern's id as people say it: whoever drafted it under a UUID gets the part that tells it apart. */
export function shortPatternId(id: string): string {
  const [, kind, tail] = WITH_UUID.exec(id) ?? [];
  return kind === undefined ? id : `${kind}-…${tail}`;
}
