import type { Keys } from "../keys.ts";
import type { Redis } from "../redis.ts";
import { createScript } from "../redis_script.ts";
import type { Json } from "../text.ts";
import type { Bus } from "./bus.ts";
import type { TopicValue } from "./conflation.ts";

/** Tells the sockets that follow a topic what it holds now, from whichever process. */
export interface TopicPublisher {
  /**
   * @param options.at the time that the data is about, where its source has one: an older value never replaces a newer
   * one, whichever arrives first. Without it the order is that of the calls.
   * @throws AppError dependency_unavailable when Redis is away.
   */
  publish(topic: string, data: Json, options?: { at?: Date }): Promise<void>;
}

export interface TopicPublisherOptions {
  redis: Redis;
  keys: Keys;
  bus: Pick<Bus, "publish">;
}

/** A topic that nobody publishes to is forgotten after this time; it outlives the longest holidays of a market. */
const VALUE_LIFE_MS = 14 * 86_400_000;
const MAX_VALUE_LENGTH = 8_192;
const TOPIC = /^[a-z]{1,16}:[\x21-\x7e]{1,47}$/;

/**
 * [time of the data in ms or "", JSON, life in ms] → version, or 0 for a value that came too late. The version is in
 * microseconds of Redis's own clock where the data has no time, because the clocks of instances differ; so it goes on
 * growing even when Redis loses what it held.
 */
const put = createScript(`
  local stored = redis.call('GET', KEYS[1])
  local last = stored and tonumber(string.match(stored, '^%d+')) or 0
  local at = tonumber(ARGV[1])
  local version
  if at then
    if math.floor(last / 1000) > at then return '0' end
    version = math.max(at * 1000, last + 1)
  else
    local time = redis.call('TIME')
    version = math.max(time[1] * 1000000 + time[2], last + 1)
  end
  local text = string.format('%.0f', version)
  redis.call('SET', KEYS[1], text .. '|' .. ARGV[2], 'PX', ARGV[3])
  return text`);

export function createTopicPublisher({ redis, keys, bus }: TopicPublisherOptions): TopicPublisher {
  return {
    publish: async (topic, data, { at } = {}) => {
      if (!TOPIC.test(topic)) throw new Error(`Cannot publish to "${topic}": it is no topic`);
      const json = JSON.stringify(data);
      if (json.length > MAX_VALUE_LENGTH)
        throw new Error(`Cannot publish to "${topic}": ${json.length} characters are too many`);
      const time = at === undefined ? "" : String(at.getTime());
      const version = await redis.run("keep the value of a topic", (client) =>
        put(client, {
          keys: [keys.topic(topic)],
          arguments: [time, json, String(VALUE_LIFE_MS)],
        }),
      );
      if (version === "0") return;
      await bus.publish([{ channel: topic, text: `${String(version)}|${json}` }]);
    },
  };
}

/** What the topics held last, for those that are known. @throws AppError dependency_unavailable when Redis is away. */
export async function readTopicValues(
  { redis, keys }: { redis: Redis; keys: Keys },
  topics: string[],
): Promise<Map<string, TopicValue>> {
  const texts = await redis.run("read the values of topics", (client) =>
    Promise.all(topics.map((topic) => client.get(keys.topic(topic)))),
  );
  const values = texts.map((text) => decodeTopicValue(text ?? ""));
  return new Map(
    topics.flatMap((topic, at) => {
      const value = values[at];
      return value ? [[topic, value] as const] : [];
    }),
  );
}

/** Reads what a publisher wrote; undefined for a text that no instance of ours has written. */
export function decodeTopicValue(text: string): TopicValue | undefined {
  const [, version, json] = /^(\d{1,16})\|(.+)$/s.exec(text) ?? [];
  return version === undefined || json === undefined
    ? undefined
    : { version: Number(version), json };
}
