"""A ReceiveDirectory in memory."""

from dataclasses import replace

from keypost.receiving import MailUser


class MemoryDirectory:
    """ReceiveDirectory over a dict; ``is_broken`` makes every look-up fail, ``asked`` counts them."""

    def __init__(self, *users: MailUser, domains: tuple[str, ...] = ("mail.local",)) -> None:
        self._domains = set(domains)
        self._users = {user.login: user for user in users}
        self.is_broken = False
        self.asked = 0

    def put(self, user: MailUser) -> None:
        self._users[user.login] = user

    def change(self, login: str, **columns: object) -> None:
        user = self._users[login]
        self.put(replace(user, **columns))  # type: ignore[arg-type] # any column

    def remove(self, login: str) -> None:
        del self._users[login]

    async def serves(self, domain: str) -> bool:
        self._look()
        return domain.lower() in self._domains

    async def by_email(self, email: str) -> MailUser | None:
        self._look()
        found = (u for u in self._users.values() if u.email.lower() == email.lower())
        return next(found, None)

    async def by_login(self, login: str) -> MailUser | None:
        self._look()
        return self._users.get(login.lower()) or await self.by_email(login)

    def _look(self) -> None:
        self.asked += 1
        if self.is_broken:
            raise OSError("the lookup database does not answer")
