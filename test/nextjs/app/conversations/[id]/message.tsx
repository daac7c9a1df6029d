import type { ShownMessage } from "@frm-ai/client";

import { Time } from "../../time.tsx";
import { THUMB } from "./live.ts";

interface Props {
  message: ShownMessage;
  isMine: boolean;
  /** Whether somebody else has read it. */
  isRead: boolean;
  onReact: (seq: number, on: boolean) => void;
  onDelete: (seq: number) => void;
}

/** What waits is marked as such, for eyes and for screen readers. */
const PENDING = { waiting: "Sending …", refused: "Not sent" };

export function MessageItem({ message, isMine, isRead, onReact, onDelete }: Props) {
  const { seq, body, createdAt, deletedAt, pending, reactions = [] } = message;
  const thumb = reactions.find(({ emoji }) => emoji === THUMB);
  return (
    <li data-seq={seq} data-pending={pending}>
      <strong>{isMine ? "You" : "They"}</strong>{" "}
      <span className="body">{deletedAt === undefined ? body : "This message was deleted"}</span>{" "}
      <Time at={createdAt} />
      {pending && <em> {PENDING[pending]}</em>}
      {isMine && isRead && <em className="read"> Read</em>}
      {seq !== undefined && deletedAt === undefined && (
        <>
          {" "}
          <button
            type="button"
            className="react"
            aria-pressed={thumb?.mine ?? false}
            onClick={() => onReact(seq, !(thumb?.mine ?? false))}
          >
            {THUMB} {thumb?.count ?? ""}
          </button>
        </>
      )}
      {seq !== undefined && isMine && deletedAt === undefined && (
        <button type="button" className="delete" onClick={() => onDelete(seq)}>
          Delete
        </button>
      )}
    </li>
  );
}
