export { PRESENCE_DATA } from "./service/personal_data.ts";
