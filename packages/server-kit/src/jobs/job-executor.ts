import { CompiledQuery, type QueryExecutorProvider } from "kysely";

/** Lets pg-boss speak through a Kysely transaction, so that the job commits with the caller's rows. */
export function executorOf(trx: QueryExecutorProvider) {
  return {
    async executeSql(text: string, values: unknown[] = []) {
      const executor = trx.getExecutor();
      const result = await executor.executeQuery(CompiledQuery.raw(text, values));
      return { rows: [...result.rows] };
    },
  };
}
