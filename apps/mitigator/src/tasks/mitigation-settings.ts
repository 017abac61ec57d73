/** What happens without asking (domain, B2). */
export interface MitigationSettings {
  onThreat: "assess-only" | "assess-and-clean";
  onPattern: "automatic" | "by-hand";
}

export interface MitigationSettingsStore {
  read(): Promise<MitigationSettings>;
  save(settings: MitigationSettings): Promise<void>;
}

/** Whether a verified custom pattern gets the site's consent without a person. */
export function consentsByPolicy(settings: MitigationSettings): boolean {
  return settings.onPattern === "automatic" && settings.onThreat === "assess-and-clean";
}
