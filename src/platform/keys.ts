/** Partitions of the realtime channels, fixed for ever, because all instances must agree on where a channel is. */
const PARTITIONS = 128;

/**
 * Names of everything we keep in Redis. Each carries a hash tag, so that keys which one script or one subscription
 * touches together stand on one node of a Redis Cluster.
 */
export interface Keys {
  /**
   * STRING: JSON of a session's hot copy, or of the bare version of its account after a change, for 5 min; or a
   * tombstone, for 15 min.
   */
  session(userId: string, sessionId: string): string;
  /**
   * STRING, JSON {userId, sessionId, origin?, validUntil}; lives 30 s and is read once. `digest` is the ticket's
   * SHA-256.
   */
  ticket(digest: string): string;
  /**
   * `known`: ZSET of digests of callers by the time in ms of their last success, at most 8 for an account; expires 30
   * days after the last. Every other name is that of a policy: HASH {level, at, until}, the count of one subject, which
   * expires when its last failure is forgiven. `subject` is a digest.
   */
  throttle(scope: string, name: string, subject: string): string;
  /** STRING: the time in ms at which the user may send a whole burst again; expires then, 20 s later at most. */
  sends(userId: string): string;
  /** STRING: the same for searches; expires 30 s later at most. */
  searches(userId: string): string;
  /** Pub/sub channel of one realtime channel (`c:<conversation>` or `u:<user>`). Holds nothing. */
  channel(channel: string): string;
  /** STRING: version, `|`, JSON of what a topic (`ticker:<symbol>`) holds now; expires 14 days after the last change. */
  topic(topic: string): string;
  /**
   * ZSET: the newest bus texts of one realtime channel by their positions, at most 300; expires 10 min after the last.
   */
  window(channel: string): string;
  /**
   * `nodes`: ZSET of leases by the time of their renewal in ms. `dead`: SET of leases that have run out and still have
   * users. A lease: SET of the users under it. A user: HASH from each lease to what their sockets under it say, and
   * `told`, the status that was announced last and when; expires 30 days after the last change.
   */
  presence(subject: string): string;
  /** The realtime channel behind a pub/sub channel name. */
  channelOf(name: string): string;
  /**
   * What a queue keeps. `ready`: STREAM of tickets {id}, deleted when their job moves on. `later`: ZSET of ids by due
   * time in ms. `dead`: ZSET of ids by time of death; nothing takes them out, so it grows with every job that dies.
   * `settled`: SET of ids whose outbox rows may go. `cursor`: STRING, the last batch that was published. None of them
   * expires. Each id in them but a settled one has its row in the outbox, which fills them anew when they are lost.
   */
  queue(queue: string, part: "ready" | "later" | "dead" | "settled" | "cursor"): string;
  /**
   * Prefix of a queue's jobs: `<prefix><id>` is a HASH, which expires an hour after the job is done. That of a dead
   * letter stays.
   */
  jobs(queue: string): string;
}

export function createKeys(prefix: string): Keys {
  return {
    session: (userId, sessionId) => `${prefix}:{${userId}}:s:${sessionId}`,
    ticket: (digest) => `${prefix}:{${digest}}:rt:t`,
    throttle: (scope, name, subject) => `${prefix}:{${scope}}:throttle:${name}:${subject}`,
    sends: (userId) => `${prefix}:{${userId}}:rt:sends`,
    searches: (userId) => `${prefix}:{${userId}}:rt:searches`,
    channel: (channel) => `${prefix}:{${partitionOf(channel)}}:rt:${channel}`,
    topic: (topic) => `${prefix}:{${partitionOf(topic)}}:rt:v:${topic}`,
    window: (channel) => `${prefix}:{${partitionOf(channel)}}:rt:w:${channel}`,
    presence: (subject) =>
      `${prefix}:{${subject === "nodes" || subject === "dead" ? "presence" : subject}}:rt:p:${subject}`,
    channelOf: (name) => name.slice(name.indexOf("}:rt:") + "}:rt:".length),
    queue: (queue, part) => `${prefix}:{${queue}}:jobs:${part}`,
    jobs: (queue) => `${prefix}:{${queue}}:jobs:job:`,
  };
}

function partitionOf(channel: string): string {
  return `p${String(Bun.hash.xxHash32(channel) % PARTITIONS).padStart(3, "0")}`;
}
