export { MODERATION_DATA } from "./service/personal_data.ts";
