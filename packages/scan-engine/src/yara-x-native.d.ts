// The binding ships no types, and it silently ignores options it does not know: a typo in `enableIncludes` would leave
// includes on. So every option is required here and nothing else fits.
declare module "@litko/yara-x-linux-x64-gnu" {
  export interface NativeCompilerOptions {
    enableIncludes: false;
    errorOnSlowPattern: true;
    errorOnSlowLoop: true;
    relaxedReSyntax: false;
    bannedModules: { name: string; errorTitle: string; errorMessage: string }[];
  }
  export interface NativeMessage {
    code: string;
    message: string;
  }
  export interface NativeMatch {
    ruleIdentifier: string;
    namespace: string;
    meta: Record<string, unknown>;
    tags: string[];
    matches: { offset: number; length: number; data: string; identifier: string }[];
  }
  export class YaraX {
    scan(bytes: Buffer): NativeMatch[];
    setTimeout(ms: number): void;
    setMaxMatchesPerPattern(count: number): void;
    setUseMmap(use: boolean): void;
    addRuleSource(source: string, namespace?: string): void;
  }
  export function validate(
    source: string,
    options: NativeCompilerOptions,
  ): { warnings: NativeMessage[]; errors: NativeMessage[] };
  export function compile(source: string, options: NativeCompilerOptions): YaraX;
}
