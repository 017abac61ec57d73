import type { Kysely } from "kysely";
import type { MitigationSettings, MitigationSettingsStore } from "./mitigation-settings.ts";

export interface TaskTables {
  tasks_settings: {
    single: boolean;
    on_threat: MitigationSettings["onThreat"];
    on_pattern: MitigationSettings["onPattern"];
  };
}

export function createTaskStore(db: Kysely<TaskTables>): MitigationSettingsStore {
  return {
    read: async () => {
      const row = await db.selectFrom("tasks_settings").selectAll().executeTakeFirstOrThrow();
      return { onThreat: row.on_threat, onPattern: row.on_pattern };
    },
    save: async (settings) => {
      await db
        .updateTable("tasks_settings")
        .set({ on_threat: settings.onThreat, on_pattern: settings.onPattern })
        .execute();
    },
  };
}
