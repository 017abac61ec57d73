import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "@tms/contracts";

/** One query client a console; an answer "nobody is logged on" brings the log-on page, wherever it came from. */
export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: (error, query) => onError(error, query.queryKey[0]) }),
    mutationCache: new MutationCache({ onError: (error) => onError(error, undefined) }),
    defaultOptions: {
      queries: { retry: false, staleTime: 1000, refetchOnWindowFocus: true },
      mutations: { retry: false },
    },
  });
  function onError(error: Error, key: unknown): void {
    if (key === "whoAmI" || !(error instanceof ApiError) || error.code !== "session.required") return;
    client.invalidateQueries({ queryKey: ["whoAmI"] }).catch(() => {
      // The session query keeps its own error and shows it; there is nothing to add here.
    });
  }
  return client;
}
