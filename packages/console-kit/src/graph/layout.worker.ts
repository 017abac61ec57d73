import { type LayoutInput, layoutChain } from "./layout-chain.ts";

self.onmessage = (event: MessageEvent<{ key: number; input: LayoutInput }>) => {
  self.postMessage({ key: event.data.key, places: layoutChain(event.data.input) });
};
