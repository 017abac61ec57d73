export { createRemoveProduct, createUnregister } from "./end-registration.ts";
export { createIdentityCache } from "./identity-cache.ts";
export { createRegisterProduct } from "./register-product.ts";
export type { RegisteredProduct } from "./registered-product.ts";
export { registrationHandlers } from "./registration-routes.ts";
export { createRegistrationStore, IDENTITY_CHANNEL, type RegistrationStore } from "./registration-store.ts";
