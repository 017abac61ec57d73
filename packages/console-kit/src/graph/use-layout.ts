import { useEffect, useRef, useState } from "react";
import type { LayoutInput, Place } from "./layout-chain.ts";

/** Places from the worker; null until the first answer. Older answers that arrive late are dropped. */
export function useLayout(input: LayoutInput): Record<string, Place> | null {
  const worker = useRef<Worker | null>(null);
  const asked = useRef(0);
  const [places, setPlaces] = useState<Record<string, Place> | null>(null);
  const text = JSON.stringify(input);
  useEffect(() => {
    const made = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    made.onmessage = (event: MessageEvent<{ key: number; places: Record<string, Place> }>) => {
      if (event.data.key === asked.current) setPlaces(event.data.places);
    };
    worker.current = made;
    return () => {
      made.terminate();
      worker.current = null;
    };
  }, []);
  useEffect(() => {
    asked.current += 1;
    worker.current?.postMessage({ key: asked.current, input: JSON.parse(text) });
  }, [text]);
  return places;
}
