import { makeWords } from "@tms/console-kit";
import type file from "./en.json";

export const NAMESPACE = "mitigator";
export const useWords = makeWords<typeof file>(NAMESPACE);
