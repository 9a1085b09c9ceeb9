"""Write anew what follows from mailboxes and secrets."""

from dataclasses import dataclass

from keypost.credentials import token_digest
from keypost.ports import UnitOfWork
from keypost.use_cases.settle_checkout import Provision


@dataclass(frozen=True, slots=True)
class RewriteDerived:
    """Bring the receive tables and the token digests up to date, at start, before mail is taken.

    The receive tables are a file of their own: a crash may leave it behind the
    first (a commit over attached SQLite databases in WAL mode is atomic per
    file), and it may be lost. The digests follow from the credential secret,
    which an operator may have changed; the old tokens then open nothing.
    """

    uow: UnitOfWork
    provision: Provision

    async def __call__(self) -> int:
        """Return how many mailboxes there are."""
        async with self.uow() as tx:
            mailboxes = await tx.mailboxes.all()
            await tx.receiving.put_domain(self.provision.terms.mail_domain)
            for mailbox in mailboxes:
                token = self.provision.credentials.derive(mailbox).access_token
                await tx.mailboxes.put_token_digest(mailbox.id, token_digest(token))
                if mailbox.paid_until is not None:
                    await self.provision(tx, mailbox, mailbox.paid_until)
            await tx.commit()
        return len(mailboxes)
