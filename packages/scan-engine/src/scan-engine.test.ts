import { scanEngineContract } from "./scan-engine.contract.ts";

scanEngineContract("native");
scanEngineContract("wasm");
