export { makeLink } from "./service/links.ts";
