"""The dashboard: pages made on the server, which work without JavaScript.

Walk      request → security → who asks (people) → view (what the address bar says) → questions
          (query/, each with the viewer's Scope) → page data → template.
"""
