SELECT WINDOW.START AS Window_Start, Category, COUNT(*) AS N, Sum(Amount) AS Revenue
FROM Orders
GROUP BY Window(T, '5 minutes'), CATEGORY
