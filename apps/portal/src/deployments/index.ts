export { type Deployment, isResult, type Result } from "./deployment.ts";
export { deploymentView } from "./deployment-routes.ts";
export { createDeploymentStore, type DeploymentStore } from "./deployment-store.ts";
export { createTakeDeploymentNews } from "./take-deployment-news.ts";
