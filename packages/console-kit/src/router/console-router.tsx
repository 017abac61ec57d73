import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
  useLocation,
  useNavigate,
  useParams,
  useSearch,
} from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useCallback, useMemo } from "react";

export interface ConsoleScreen {
  /** As TanStack Router writes it: `/products/$id`. */
  path: string;
  /** Loaded when somebody goes there. */
  load(): Promise<() => ReactNode>;
}

interface RouterParts {
  frame: (props: { children: ReactNode }) => ReactNode;
  screens: ConsoleScreen[];
  notFound: () => ReactNode;
}

/** A router over the part of the address after `#`, so that any static file server can hold a console. */
export function createConsoleRouter(parts: RouterParts): () => ReactNode {
  const root = createRootRoute({
    component: () => (
      <parts.frame>
        <Suspense fallback={null}>
          <Outlet />
        </Suspense>
      </parts.frame>
    ),
    notFoundComponent: parts.notFound,
  });
  const children = parts.screens.map(({ path, load }) =>
    createRoute({
      getParentRoute: () => root,
      path,
      component: lazy(() => load().then((screen) => ({ default: screen }))),
    }),
  );
  // Search values stay the text they are: the router's own parser would turn a token of digits into a number.
  const router = createRouter({
    routeTree: root.addChildren(children),
    history: createHashHistory(),
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const text = new URLSearchParams(Object.entries(search).filter(([, value]) => isFilled(value))).toString();
      return text === "" ? "" : `?${text}`;
    },
  });
  return function ConsoleRouter() {
    return <RouterProvider router={router} />;
  };
}

function isFilled(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

export interface UrlFilters {
  get(name: string): string;
  page: number;
  /** Sets some filters and goes back to page 1, unless the page itself is set. An empty text removes a filter. */
  set(changes: Record<string, string>): void;
  /** All of them as one text: the scope of a table. */
  text: string;
  /** Those that are set, without the page. */
  names: string[];
}

/** Filters live in the URL, so that a view can be sent to a colleague. */
export function useUrlFilters(): UrlFilters {
  const search = useSearch({ strict: false }) as Record<string, string | undefined>;
  const navigate = useNavigate();
  const pathname = useLocation({ select: (location) => location.pathname });
  const text = JSON.stringify(search);
  const set = useCallback(
    (changes: Record<string, string>) => {
      const next: Record<string, string> = { ...(JSON.parse(text) as Record<string, string>), page: "", ...changes };
      navigate({ to: pathname, search: next, replace: true } as never).catch(() => {
        // A navigation that a newer one overtook is no failure.
      });
    },
    [navigate, pathname, text],
  );
  return useMemo(
    () => ({
      get: (name: string) => search[name] ?? "",
      page: Math.max(1, Number.parseInt(search.page ?? "1", 10) || 1),
      set,
      text,
      names: Object.keys(search).filter((name) => name !== "page" && isFilled(search[name])),
    }),
    [search, set, text],
  );
}

export function useRouteParam(name: string): string {
  const params = useParams({ strict: false }) as Record<string, string | undefined>;
  return params[name] ?? "";
}

export function usePathname(): string {
  return useLocation({ select: (location) => location.pathname });
}

/** Goes to an address after `#`, by code: after a form was saved, for instance. */
export function goTo(href: string): void {
  window.location.hash = href.startsWith("#") ? href : `#${href}`;
}
