export { registerProductRoutes } from "./product-routes.ts";
export { hasEnded, stateOfProduct } from "./product-state.ts";
export { createReadProducts, type ProductOverview } from "./read-products.ts";
