import {
  keepPreviousData,
  type QueryClient,
  type UseMutationResult,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { type AnyRoute, type ApiClient, ApiError, type RouteArguments, type RouteResult } from "@tms/contracts";

/** Pages ask again this often; equal answers draw nothing. */
export const POLL_MS = 2000;

export interface ReadOptions {
  /** Milliseconds between two readings; false = once. */
  pollMs?: number | false;
  enabled?: boolean;
}

export interface ApiHooks<Routes extends Record<string, AnyRoute>> {
  useRead<Name extends keyof Routes & string>(
    name: Name,
    args: RouteArguments<Routes[Name]>,
    options?: ReadOptions,
  ): UseQueryResult<RouteResult<Routes[Name]>, Error>;
  useAct<Name extends keyof Routes & string>(
    name: Name,
    options?: { onDone?: (result: RouteResult<Routes[Name]>) => void },
  ): UseMutationResult<RouteResult<Routes[Name]>, Error, RouteArguments<Routes[Name]>>;
}

/** Typed reading and acting over a record of routes. Every act makes the shown data be read again. */
export function createApiHooks<Routes extends Record<string, AnyRoute>>(client: ApiClient<Routes>): ApiHooks<Routes> {
  return {
    useRead(name, args, options) {
      return useQuery({
        queryKey: [name, args],
        queryFn: () => client[name](args),
        refetchInterval: (query) => {
          if (query.state.error instanceof ApiError && query.state.error.status === 404) return false;
          return options?.pollMs ?? POLL_MS;
        },
        enabled: options?.enabled ?? true,
        placeholderData: keepPreviousData,
      });
    },
    useAct(name, options) {
      const queries = useQueryClient();
      return useMutation({
        mutationFn: (args: RouteArguments<Routes[typeof name]>) => client[name](args),
        onSuccess: async (result: RouteResult<Routes[typeof name]>) => {
          options?.onDone?.(result);
          await readEverythingAgain(queries);
        },
      });
    },
  };
}

async function readEverythingAgain(queries: QueryClient): Promise<void> {
  await queries.invalidateQueries();
}
