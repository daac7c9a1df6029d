/** What one client has of one conversation, or what Postgres has of it: the positions and what stood at each. */
export interface EventLog {
  seqs: number[];
  /** A number for what happened there, because a million of events has to fit into memory several times. */
  marks: number[];
}

/** Events that differ from what is stored; a fault of any kind is one too many. */
export interface LogFaults {
  lost: number;
  doubled: number;
  /** Came before one that stands before it. */
  swapped: number;
  /** At this position something else is stored, or nothing. */
  foreign: number;
}

export function emptyLog(): EventLog {
  return { seqs: [], marks: [] };
}

/** Compares a client's log with the whole conversation as it is stored, in order. */
export function compareLogs(log: EventLog, stored: EventLog): LogFaults {
  const wanted = new Map(stored.seqs.map((seq, at) => [seq, stored.marks[at]]));
  const seen = new Set<number>();
  const faults: LogFaults = { lost: 0, doubled: 0, swapped: 0, foreign: 0 };
  let last = 0;
  log.seqs.forEach((seq, at) => {
    if (seen.has(seq)) faults.doubled += 1;
    else if (seq < last) faults.swapped += 1;
    if (wanted.get(seq) !== log.marks[at]) faults.foreign += 1;
    seen.add(seq);
    last = Math.max(last, seq);
  });
  faults.lost = stored.seqs.filter((seq) => !seen.has(seq)).length;
  return faults;
}

export function isWhole(faults: LogFaults): boolean {
  return Object.values(faults).every((count) => count === 0);
}

/** What a sender was promised: the client id, and the message that has it. */
export interface Promised {
  clientId: string;
  messageId: string;
  seq: number;
}

export interface SendFaults {
  /** Acknowledged and not stored, or stored as something else. */
  broken: number;
  /** Stored more than once. */
  repeated: number;
  /** Stored without ever having been sent by somebody who knows of it. */
  unknown: number;
}

/** Compares what senders were promised with the messages that are stored. */
export function compareSends(promised: Promised[], stored: Promised[]): SendFaults {
  const known = new Map(promised.map((each) => [each.clientId, each]));
  const counts = new Map<string, number>();
  const faults: SendFaults = { broken: 0, repeated: 0, unknown: 0 };
  for (const { clientId, messageId, seq } of stored) {
    const count = (counts.get(clientId) ?? 0) + 1;
    counts.set(clientId, count);
    const told = known.get(clientId);
    if (!told) faults.unknown += 1;
    else if (count > 1) faults.repeated += 1;
    else if (told.messageId !== messageId || told.seq !== seq) faults.broken += 1;
  }
  for (const { clientId } of promised) if (!counts.has(clientId)) faults.broken += 1;
  return faults;
}
