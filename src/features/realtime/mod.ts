export { REALTIME_DATA } from "./service/personal_data.ts";
export { authenticateSocket } from "./service/tickets.ts";
export { appendUserEvents, createUserStreamSource, userEvent } from "./service/user_stream.ts";
