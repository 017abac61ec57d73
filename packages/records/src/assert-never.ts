/** Makes the compiler prove that a switch over a closed set is exhaustive. */
export function assertNever(value: never): never {
  throw new Error(`A value outside its closed set arrived: ${JSON.stringify(value)}`);
}
