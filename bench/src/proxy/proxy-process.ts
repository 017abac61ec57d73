import { FakeProxy, type FakeProxyOptions } from "@tms/testkit";

// A proxy in a process of its own, so that it does not take the lower party's turn.

const proxy = await FakeProxy.start(JSON.parse(process.argv[2] ?? "") as FakeProxyOptions);
process.send?.(proxy.settings());
