import type { Talk } from "./load/chat.ts";
import type { Load } from "./load/driver.ts";
import { openGroup, type Person, registerPeople } from "./people.ts";
import type { Server, Stage } from "./stage.ts";

/**
 * People in a ring over two instances: each has a conversation of their own with the next one, who is at the other
 * instance, and all of them share one.
 */
export interface Ring {
  stage: Stage;
  load: Load;
  people: Person[];
  instances: Server[];
  /** One for each person: what they say in their own conversation. */
  talks: Talk[];
  sharedId: string;
}

export const RING_SIDE = "the ring";

export async function openRing(stage: Stage, size: number): Promise<Ring> {
  const first = await stage.startInstance();
  const second = await stage.startInstance();
  const base = `http://localhost:${first.port}`;
  stage.progress(`registering ${size} people`);
  const people = await registerPeople(base, size);
  const talks: Talk[] = [];
  for (const [from, person] of people.entries()) {
    const to = (from + 1) % size;
    const next = people[to];
    if (!next) continue;
    talks.push({ from, to, conversationId: await openGroup(base, person, [next]) });
  }
  const [owner, ...others] = people;
  if (!owner) throw new Error("Cannot open a ring: there is nobody");
  const sharedId = await openGroup(base, owner, others);
  const load = stage.openLoad("chat.ts");
  const sockets = people.map(({ token }, at) => ({
    token,
    port: (at % 2 === 0 ? first : second).port,
  }));
  await load.run({ op: "open", side: RING_SIDE, sockets });
  return { stage, load, people, instances: [first, second], talks, sharedId };
}
