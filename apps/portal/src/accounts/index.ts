export { type MenuCounts, registerMenuCountsRoute } from "./menu-counts-routes.ts";
