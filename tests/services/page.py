"""The live page as people use it: page.py SCENARIO URL FOLDER-FOR-PICTURES

Says on standard error what was seen, and what is to be done to the server; the last line is `all was seen`.
"""

import sys

from browser import Keys, Page, say

LIST = "#list tbody tr"


def says(page, text):
    """Waits until the page tells this, where it is heard too."""
    page.shows("#said[role=status]", text)


def life(page):
    """Two consumers that run are followed, stopped and started; the server ends and comes back."""
    page.open()
    page.wait("two consumers that run", lambda: page.count(f"{LIST} [data-state=running]") == 2)
    page.moves("#total-charts")
    page.look("list")
    say("the list moves")
    steer(page)
    follow_one(page)
    outlive(page)


def steer(page):
    """With the keyboard alone, and the focus stays where it is while all numbers change."""
    stop = "button[data-consumer=transaction_consumer][data-job=stop]"
    page.tab_to(stop)
    page.run("window.kept = document.activeElement")
    page.press(Keys.ENTER)
    says(page, "transaction_consumer is stopped")
    page.shows("#overall", "degraded, 1 of 2")
    assert page.run("return document.activeElement === window.kept"), "the focus is lost"
    assert page.text(":focus") == "Start transaction_consumer"
    page.keep("life-stopped.png")
    page.press(Keys.ENTER)
    says(page, "transaction_consumer is running")
    page.shows("#overall", "healthy, 2 of 2")
    assert page.run("return document.activeElement === window.kept"), "the focus is lost"
    page.press(Keys.TAB, Keys.ENTER)
    says(page, "transaction_consumer is running")
    say("stopped, started and restarted")


def follow_one(page):
    page.run("document.activeElement.blur(); scrollTo(0, 0)")
    page.tab_to('a[href="#transaction_consumer"]')
    page.press(Keys.ENTER)
    page.shows("#name", "transaction_consumer")
    assert page.focused("#name"), "a reader starts at the name"
    say("send what is of no use")
    page.shows("#reasons", "dead letters: ")
    page.wait("windows", lambda: page.count("#windows tbody tr") > 3)
    page.wait("their chart", lambda: page.count("#windows-chart .plot[aria-label*=' now ']") == 1)
    page.wait("partitions", lambda: page.count("#partitions tbody tr") > 0)
    page.wait("dead letters", lambda: page.text("#numbers").split("Dead letters")[1][:1].isdigit())
    page.moves("#charts")
    page.look("one")
    page.driver.refresh()
    page.shows("#name", "transaction_consumer")
    page.wait("what was before", lambda: page.run("return Number(document.querySelector('#charts .plot').dataset.points) > 5"))
    say("one consumer moves")


def outlive(page):
    page.run("window.same = true")
    say("kill the server")
    page.shows("#line", "Connection lost")
    page.look("lost", sizes=["wide"])
    say("start the server")
    page.shows("#line", "Live")
    page.shows("#state", "running")
    page.moves("#charts")
    assert page.run("return window.same"), "the page was loaded anew"
    page.tab_to("#back")
    page.press(Keys.ENTER)
    page.shows("#all-title", "Consumers")
    assert page.focused('a[href="#transaction_consumer"]'), "the way back leads to where it began"
    page.open("#nobody")
    page.shows("#unknown-title", "There is no consumer ‘nobody’")


def fifty(page):
    """Most of fifty wait; rows stay the same elements, and can be looked through."""
    page.open()
    page.wait("fifty rows", lambda: page.count(LIST) == 50)
    page.wait("four that run", lambda: page.count(f"{LIST} [data-state=running]") == 4)
    page.wait("46 that wait", lambda: page.count(f"{LIST} [data-state=pending]") == 46)
    page.shows(f"{LIST} .why", "waits until one of")
    page.run("window.rows = [...document.querySelectorAll(arguments[0])]", LIST)
    say("buy something")
    ran = "return [...document.querySelectorAll(arguments[0])].filter((cell) => cell.textContent.endsWith('ms')).length"
    page.wait("four batches", lambda: page.run(ran, f"{LIST} [data-label='Batch time']") == 4)
    page.moves("#total-charts")
    same = page.run("return [...document.querySelectorAll(arguments[0])].every((row, at) => row === window.rows[at])", LIST)
    assert same, "rows were made anew"
    page.look("list")
    page.tab_to("#wanted")
    page.press("7")
    page.shows("#shown", "5 of 50")
    page.press(Keys.BACKSPACE)
    page.tab_to("#unwell")
    page.press(Keys.SPACE)
    page.shows("#shown", "46 of 50")


def hostile(page):
    """Errors and values are text, whatever is in them."""
    page.open("#wrong")
    page.shows("#reasons", "<img src=x onerror=window.hacked=1>")
    page.look("error", sizes=["phone"])
    page.open("#values")
    page.shows("#windows td", "<img src=y onerror=window.hacked=1>")
    page.shows("#windows-chart", "<img src=y onerror=window.hacked=1>")
    page.look("values", sizes=["wide", "phone"])
    page.open("#<img src=z onerror=window.hacked=1>")
    page.shows("#unknown-title", "<img src=z onerror=window.hacked=1>")
    page.open("#")
    page.shows(f"{LIST} .why", "<img src=x onerror=window.hacked=1>")
    assert page.run("return window.hacked === undefined && document.images.length === 1")


def token(page):
    """It is asked for once in a tab, and kept nowhere else."""
    restart = "button[data-consumer=transaction_consumer][data-job=restart]"
    page.open()
    page.shows(f"{LIST} [data-state]", "running")
    page.tab_to(restart)
    page.press(Keys.ENTER)
    page.shows("#token-why", "only who has it")
    assert page.focused("#token-input")
    page.look("dialog", sizes=["wide", "phone"])
    page.press(Keys.ESCAPE)
    says(page, "nothing was done")
    assert page.focused(restart), "the focus is back"
    page.press(Keys.ENTER)
    page.shows("#token-why", "only who has it")
    page.press("0123456789abcdeX", Keys.ENTER)
    page.shows("#token-why", "the token is another one")
    page.press("0123456789abcdef", Keys.ENTER)
    says(page, "transaction_consumer is running")
    page.press(Keys.ENTER)
    says(page, "transaction_consumer is")
    assert not page.run("return document.querySelector('dialog').open")
    kept = page.run("return [sessionStorage.length, localStorage.length, document.cookie]")
    assert kept == [1, 0, ""], kept


def nothing(page):
    """Without consumers the page says what to type, and shows the first one by itself."""
    page.open()
    page.shows("#none", "ecap-consume register-consumer")
    page.look("none", sizes=["wide", "phone"])
    say("register a consumer")
    page.shows(LIST, "my_consumer")


scenario, url, folder = sys.argv[1:]
page = Page(url, folder, scenario)
try:
    globals()[scenario](page)
    assert not (complaints := page.complaints()), complaints
    say("all was seen")
finally:
    page.driver.quit()
