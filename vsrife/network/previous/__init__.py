"""previous"""
