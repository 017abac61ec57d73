export { type AddCustomerDeps, createAddCustomer, type KeyBundle, newPassword } from "./add-customer.ts";
export { createCheckCredentials } from "./check-credentials.ts";
export { type Customer, hasExpired, scopeOfCustomer } from "./customer.ts";
export { type CustomerRouteDeps, registerCustomerRoutes } from "./customer-routes.ts";
export { type CustomerStore, createCustomerStore } from "./customer-store.ts";
export { createCustomerValidity } from "./customer-validity.ts";
