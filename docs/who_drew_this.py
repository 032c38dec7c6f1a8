"""Take the README's screenshots of "Who drew this?" from a running `make ui`, by the links a person follows.

Needs `pip install playwright` and a Chromium: python docs/who_drew_this.py STORY STYLE [URL] [CHROMIUM]
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

WIDTH, SIDEBAR = 1360, 240  # pixels


def main(story: str, style: str, url: str = "http://127.0.0.1:3000", chromium: str = "chromium") -> None:
    """Go from a story's grid to the LoRA that drew it, and from that style's LoRA to its stories."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        page.goto(f"{url}/assets/story_grid?view=partitions&partition={story}%7C{style}")
        page.get_by_text("lora_run").wait_for()
        take(page, "grid", top=0, height=900)
        page.get_by_role("link", name=f"{style} · ").first.click()
        page.get_by_text("loss_curve_preview").wait_for()
        take(page, "lora", top=0, height=620)
        page.goto(f"{url}/assets/lora_checkpoint?view=partitions&partition={style}")
        page.get_by_text("drew ").first.wait_for()
        take(page, "stories", top=0, height=560)
        browser.close()


def take(page: Page, name: str, top: int, height: int) -> None:
    """Save what is to the right of the navigation, once its pictures have come."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)
    clip = {"x": SIDEBAR, "y": top, "width": WIDTH - SIDEBAR, "height": height}
    page.screenshot(path=Path(__file__).with_name(f"who-drew-this-{name}.png"), clip=clip)


main(*sys.argv[1:])
