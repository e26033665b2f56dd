"""What the pages say is true: of an answer without a score, of how long things are kept, of what was sent."""

from __future__ import annotations

import json
import re

from service.config import Settings
from service.llm.base import Request
from tests.api.practice import hand_in, post, run_practice
from tests.api.support import make_client, open_scripted, run_app
from tests.factories import make_reply_text

TOO_SHORT = "No."


async def test_an_answer_without_a_score_shows_no_levels_and_offers_nothing_that_needs_one(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        await hand_in(client)
        page = (await client.get(await hand_in(client, TOO_SHORT))).text
        assert "No score" in page
        assert page.count("no level") == page.count("data-row=") > 0
        assert "Compare with the one before" not in page
        assert "Keep as my best" not in page
        again = (await client.get(await hand_in(client))).text
        assert "Compare with the one before" in again, "with the last one that has a score"
        assert "Keep as my best" in again
        history = (await client.get("/practice/history")).text
        assert history.count("data-when=") == 2 * 2, "two of three can be compared, in two lists"


async def test_the_first_page_says_how_long_practice_is_kept(settings: Settings) -> None:
    for days, told in ((30, "deleted after 30 days"), (0, "until you delete it")):
        async with run_practice(settings.model_copy(update={"practice_days": days})) as (_, client):
            assert told in (await client.get("/")).text


async def test_thanks_for_a_remark_stand_where_it_is_seen(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        address = await hand_in(client)
        shown = (await client.get(address)).text
        about = shown.partition('<option value="level:')[2].partition('"')[0]
        sent = await post(client, f"{address}/dispute", about=f"level:{about}", comment="I did ask her.")
        page = (await client.get(sent.headers["location"])).text
        assert page.index('id="wrong"') < page.index("Thank you.") < page.index("I did ask her.")
        assert "Thank you." not in (await client.get(address)).text
        [dispute] = (await client.get("/v1/disputes", headers={"Accept": "*/*"})).json()["items"]
        resolution = {"resolution": "You did. The level was raised."}
        assert (await client.post(f"/v1/disputes/{dispute['id']}/resolution", json=resolution)).status_code == 200
        assert "What came of it: You did. The level was raised." in (await client.get(address)).text


async def test_the_highest_level_comes_with_the_one_that_it_builds_on(settings: Settings) -> None:
    """ "As at 4, and …" says nothing to somebody who does not see the fourth."""

    def reply(request: Request) -> str:
        return make_reply_text(request.task, level=5)

    async with run_app(settings, open_scripted(reply)) as app, make_client(app) as client:
        page = (await client.get(await hand_in(client))).text
        assert page.count("Below it") == page.count('class="criterion"') > 0
        assert "The next step" not in page


async def test_what_works_against_somebody_is_quoted_once(settings: Settings) -> None:
    def reply(request: Request) -> str:
        document = json.loads(make_reply_text(request.task))
        criterion = next(one for one in request.task.criteria if one.red_flags)
        judged = document["criteria"][criterion.id]
        judged["red_flags"] = [{"red_flag": criterion.red_flags[0].id, "quote": judged["quotes"][0]}]
        return json.dumps(document)

    async with run_app(settings, open_scripted(reply)) as app, make_client(app) as client:
        page = (await client.get(await hand_in(client))).text
        [flagged] = re.findall(r'<li class="is-red">([^<]*)<small>Works against you', page)
        within = page.partition('<li class="is-red">')[0].rpartition('<ul class="quotes">')[2]
        assert flagged not in within
