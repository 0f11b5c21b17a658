/** `@temporal-http-tasks/openapi`: HTTP tasks from an OpenAPI document, and an OpenAPI document from HTTP tasks. */
export { tasksFromOpenApi } from './tasks-from-openapi';
export { openApiFromTasks } from './openapi-from-tasks';
export { readOpenApiDocument } from './document/read-document';
export { readProvider } from './provider/read-provider';
export { OpenApiError } from './document/openapi-error';
export type { OpenApiTasks } from './tasks-from-openapi';
export type { OpenApiFromTasksOptions } from './openapi-from-tasks';
export type { ReadOpenApiOptions } from './document/read-document';
export type { OpenApiDocument } from './document/document';
export type { OpenApiOptions, OpenApiReport, OperationDecision, OperationSummary } from './options';
