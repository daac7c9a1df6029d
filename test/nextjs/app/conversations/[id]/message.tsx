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

export function MessageItem(props: Props) {
  const { message, isMine, isRead } = props;
  const { seq, body, createdAt, deletedAt, pending } = message;
  return (
    <li data-seq={seq} data-pending={pending}>
      <strong>{isMine ? "You" : "They"}</strong>{" "}
      <span className="body">{deletedAt === undefined ? body : "This message was deleted"}</span>{" "}
      <Time at={createdAt} />
      {pending && <em> {PENDING[pending]}</em>}
      {isMine && isRead && <em className="read"> Read</em>}
      {seq !== undefined && deletedAt === undefined && <Actions {...props} seq={seq} />}
    </li>
  );
}

/** What can be done with a message that is stored and still says something. */
function Actions({ message, isMine, seq, onReact, onDelete }: Props & { seq: number }) {
  const thumb = message.reactions?.find(({ emoji }) => emoji === THUMB);
  const isOn = thumb?.mine ?? false;
  return (
    <>
      {" "}
      <button
        type="button"
        className="react"
        aria-pressed={isOn}
        onClick={() => onReact(seq, !isOn)}
      >
        {THUMB} {thumb?.count ?? ""}
      </button>
      {isMine && (
        <button type="button" className="delete" onClick={() => onDelete(seq)}>
          Delete
        </button>
      )}
    </>
  );
}
