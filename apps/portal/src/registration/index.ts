export { createRemoveProduct, createUnregister } from "./end-registration.ts";
export { createIdentityCache } from "./identity-cache.ts";
export { IDENTITY_CHANNEL } from "./identity-channel-store.ts";
export { createRegisterProduct } from "./register-product.ts";
export type { RegisteredProduct } from "./registered-product.ts";
export { registrationHandlers } from "./registration-routes.ts";
export { createRegistrationStore, type RegistrationStore } from "./registration-store.ts";
export { createRenewProduct } from "./renew-product.ts";
export { createRenewalStore } from "./renewal-store.ts";
