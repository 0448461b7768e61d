"""Classes along hops and requeues: a filtered notification is still a notification.

Gives     ``Inheritance.settle``, once for a batch, after links were resolved.
Limits    A message inherits from at most DEPTH_MAX messages before it: links that form a loop end
          there. Within that depth the result follows from the stored facts alone.
"""

from mailtally_collector.lineage import DEPTH_MAX
from mailtally_collector.store.message_row import MessageRow
from mailtally_collector.store.messages import Messages
from mailtally_collector.store.sql import Sql
from mailtally_collector.terms import TrafficClass
from mailtally_collector.traffic_class import INHERITING, combine

SELECT_HEIRS = f"SELECT id FROM message WHERE origin_id = ? AND origin_kind IN {INHERITING}"  # noqa: S608


class Inheritance:
    """Hands classes down. Used by the writer thread only."""

    def __init__(self, sql: Sql, messages: Messages) -> None:
        self._sql = sql
        self._messages = messages

    def settle(self) -> None:
        """Work out the inherited class of messages whose lineage changed, and of their heirs."""
        generation = [row for row in self._messages.changed() if row.lineage != row.handed_down]
        seen = {row.id for row in generation}
        for row in generation:
            row.handed_down = row.lineage
        for _ in range(DEPTH_MAX + 1):
            for row in generation:
                self._inherit(row)
            generation = [
                self._messages.by_id(heir_id)
                for row in generation
                if row.leads_on
                for heir_id in self._heirs(row)
                if heir_id not in seen
            ]
            seen.update(row.id for row in generation)
            if not generation:
                break

    def _inherit(self, row: MessageRow) -> None:
        """Combine the classes of those that the message continues."""
        classes = [int(TrafficClass.UNSPECIFIED)]
        at = row
        for _ in range(DEPTH_MAX):
            if at.origin_id is None or at.origin_kind not in INHERITING:
                break
            at = self._messages.by_id(at.origin_id)
            classes.append(at.own_class)
        inherited = combine(*classes)
        if inherited != row.inherited_class:
            row.inherited_class = inherited
            self._messages.mark(row)

    def _heirs(self, row: MessageRow) -> list[int]:
        return [heir_id for (heir_id,) in self._sql.run(SELECT_HEIRS, (row.id,)).fetchall()]
