export { createNews, type News } from "./news-store.ts";
