import { expect, test } from "vitest";
import { changedProxyFields, type ProxyValues, proxyValuesOf, readProxyValues } from "./proxy-values.ts";

const VALUES: ProxyValues = { kind: "http", host: "proxy.example", port: "3128", userName: "mill", password: "secret" };

test("a whole form reads into the contract's settings, and back without its password", () => {
  const outcome = readProxyValues(VALUES);

  if (outcome.kind !== "valid") throw new Error(outcome.fields.join(", "));
  expect(outcome.settings).toEqual({
    kind: "http",
    host: "proxy.example",
    port: 3128,
    userName: "mill",
    password: "secret",
  });
  expect(proxyValuesOf({ settings: { kind: "http", host: "proxy.example", port: 3128, userName: "mill" } })).toEqual({
    ...VALUES,
    password: "",
  });
});

test.each([
  ["no host", { host: "" }, ["host"]],
  ["a host that is none", { host: "http://proxy" }, ["host"]],
  ["a port that is none", { port: "0x50" }, ["port"]],
  ["a password for nobody", { userName: "" }, ["userName"]],
])("%s names its field", (_name, change, fields) => {
  expect(readProxyValues({ ...VALUES, ...change })).toEqual({ kind: "invalid", fields });
});

test("none needs nothing, and SOCKS4 sends no password", () => {
  expect(readProxyValues({ ...VALUES, kind: "none", host: "" })).toEqual({ kind: "valid", settings: { kind: "none" } });
  expect(readProxyValues({ ...VALUES, kind: "socks4" })).toMatchObject({ kind: "valid" });
  expect(JSON.stringify(readProxyValues({ ...VALUES, kind: "socks4" }))).not.toContain("secret");
});

test("an empty user name and password are no log-on", () => {
  expect(readProxyValues({ ...VALUES, userName: "", password: "" })).toEqual({
    kind: "valid",
    settings: { kind: "http", host: "proxy.example", port: 3128 },
  });
});

test("tells which fields changed", () => {
  expect(changedProxyFields({ ...VALUES, port: "8080" }, VALUES)).toEqual(["port"]);
});
