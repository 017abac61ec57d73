import type kitFile from "./en.json";
import { makeWords } from "./words.ts";

export const KIT_NAMESPACE = "kit";
export const useKitWords = makeWords<typeof kitFile>(KIT_NAMESPACE);
