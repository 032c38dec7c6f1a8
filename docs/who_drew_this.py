"""Take the README's screenshots of "Who drew this?" from a running `make ui`, by the links a person follows.

Needs `pip install playwright`, a Chromium and a Chinese font:
python docs/who_drew_this.py STORY STYLE OTHER_STYLE [URL] [CHROMIUM]
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

WIDTH, SIDEBAR = 1640, 240  # pixels


def main(
    story: str, style: str, other: str, url: str = "http://127.0.0.1:3000", chromium: str = "chromium"
) -> None:
    """Go from a story's grid to the LoRA that drew it, and from another style's LoRA to its stories."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        page.goto(f"{url}/assets/story_grid?view=partitions&partition={story}%7C{style}")
        page.get_by_text("lora_run").wait_for()
        take(page, "grid", height=1000)
        page.get_by_role("link", name=f"{style} · ").first.click()
        page.get_by_text("training_images").wait_for()
        take(page, "lora", height=700)
        page.goto(f"{url}/assets/lora_checkpoint?view=partitions&partition={other}")
        page.get_by_text("drew ").first.wait_for()
        take(page, "stories", height=660)
        browser.close()


def take(page: Page, name: str, height: int) -> None:
    """Save what is to the right of the navigation, once its pictures have come."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)
    clip = {"x": SIDEBAR, "y": 0, "width": WIDTH - SIDEBAR, "height": height}
    page.screenshot(path=Path(__file__).with_name(f"who-drew-this-{name}.png"), clip=clip)


main(*sys.argv[1:])
